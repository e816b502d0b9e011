"""What traces become before weights learn them: other ways to say them, and questions about them."""

from hippo_train.consolidation.clauses import Clause, read_clause
from hippo_train.consolidation.rewrites import ReplayQuestion, Rewrite, rewrite_traces

__all__ = ["Clause", "ReplayQuestion", "Rewrite", "read_clause", "rewrite_traces"]
