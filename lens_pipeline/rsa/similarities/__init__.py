"""Other ways to say how alike two representations are: CKA and variance partitioning."""
