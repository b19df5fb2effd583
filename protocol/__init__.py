"""What is said on the wire: tasks, results, errors and their JSON. No I/O, no clock."""
