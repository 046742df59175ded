package postgres

// WithFault lets the server fail statements with the SQLSTATEs that fault names.
func (o Options) WithFault(fault func(query string) string) Options {
	o.fault = fault
	return o
}
