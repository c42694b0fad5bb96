"""Everything that must survive: the tables, their migrations, and the only SQL of the service."""
