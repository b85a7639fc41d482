"""The settings: declared, read, validated and typed."""
