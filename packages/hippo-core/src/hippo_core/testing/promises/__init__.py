"""The promises, one module for each idea; `hippo_core.testing.contract` composes them."""
