// Package postgres keeps call detail records in a table of a PostgreSQL database: one row for a call, made when it is
// answered or ends and completed when it ends. The goroutine of the cdr.Writer alone uses a Store; it waits for the database,
// never longer than 10 seconds at a time, and no call waits for it.
package postgres
