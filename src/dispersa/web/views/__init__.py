"""What does each page show? Plain values for its template, from one reading of the desk."""
