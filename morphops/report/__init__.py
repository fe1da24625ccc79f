"""What people and machines see: the console, and the views, one module for each one of tasks."""
