"""GitHub as the service sees it: the App, its tokens, and our few calls.

Nothing is imported here: githubkit takes its time, and the webhook door should open before it.
"""
