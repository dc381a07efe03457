"""The measure stage: instruments, their items, and what the subject does with them."""
