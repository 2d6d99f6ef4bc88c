"""A comparison of two networks as one page, as JSON with a schema, and as tables for papers."""
