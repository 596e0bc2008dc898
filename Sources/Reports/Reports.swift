// Aggregate reports.
