"""Java's regular expressions, translated and run in linear time."""
