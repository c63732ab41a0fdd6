"""The book's own tools: run notebooks, keep their normal form, check the pages."""
