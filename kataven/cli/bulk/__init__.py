"""Commands about plans of several campaigns: lists that are too long for one."""
