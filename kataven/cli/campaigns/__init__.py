"""Commands about campaigns. Each module holds the commands of one role."""
