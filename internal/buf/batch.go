package buf

// BatchSizer is an adapter or a link that knows how many packets are worth
// reading at a time: first, and at most once that many keep coming. Both are 1
// or more. Implementing it is optional.
type BatchSizer interface{ BatchSize() (first, most int) }
