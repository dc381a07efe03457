"""The report stage: answers become estimates, and estimates become a page."""
