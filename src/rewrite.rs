//! Changes pages on their way to the shopper: which answers qualify, and what happens to their headers.
