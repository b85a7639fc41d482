"""Messages out: records that fit their schema, written whole, and what people read."""
