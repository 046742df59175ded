package desk

// Once names something that is asked for under an Idempotency-Key: it is done
// once, and kept in the transaction that does it.
type Once struct {
	App   AppKey   // whose key it is; keys of others are other keys
	Key   string   // 1 to MaxIdempotencyKey bytes
	Print [16]byte // of what was asked, which the same key must not ask differently
}

// SeenCode is the code of the Conflict when it was done meanwhile.
const SeenCode = "idempotency_key_seen"
