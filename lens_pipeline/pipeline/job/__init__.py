"""One job: its inputs, its plan and bill, its stages, its record."""
