"""A page to look at an audit: one HTML file that opens anywhere, without a server."""
