package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	"culvert/store"
)

// The format of bbolt's files, in the byte order of the machine: pages of one size, each
// with a header. Two pages of the kind meta begin the file; the valid one with the higher
// number of a transaction counts.
const (
	pageHeader  = 16 // id 8, flags 2, count of elements 2, further pages 4
	elementSize = 16 // of branches: pos 4, key 4, page 8; of leaves: flags 4, pos 4, key 4, value 4
	bucketSize  = 16 // root page 8 (0: a page follows), sequence 8

	branchPage   = 1
	leafPage     = 2
	freelistPage = 16

	metaMagic  = 0xED0CDAED
	metaFormat = 2
	metaSize   = 64
	noFreelist = ^uint64(0)

	maxDepth = 64
)

var order = binary.NativeEndian

// header is a valid meta page.
type header struct {
	pageSize             uint64 // bytes, 1 KiB to 16 MiB
	root, freelist, high uint64 // pages; high is the first that was never used
	txn                  uint64
}

// verifier walks through a file as one transaction left it.
type verifier struct {
	file []byte
	header
	used []bool // by page
}

// verify fails for a file in which bbolt would lose its way: pages that are missing, not
// what they should be, or used twice, and elements that lie outside of theirs. It says
// nothing of values.
func verify(file []byte) error {
	h, ok := newestHeader(file)
	if !ok {
		return headless(file)
	}
	if h.high > uint64(len(file))/h.pageSize {
		return fmt.Errorf("it has %d bytes, and should have at least %d: its end is lost", len(file), h.high*h.pageSize)
	}
	v := &verifier{file, h, make([]bool, h.high)}
	if err := v.tree(h.root, nil, nil, 0); err != nil {
		return err
	}
	return v.free()
}

// verifyFile is verify for a file.
func verifyFile(f *os.File) error {
	all, done, err := contents(f)
	if err != nil {
		return err
	}
	defer done()
	return verify(all)
}

// headless says what a file without a valid header is.
func headless(file []byte) error {
	if len(file) >= pageHeader+metaSize && order.Uint32(file[pageHeader:]) == metaMagic {
		if format := order.Uint32(file[pageHeader+4:]); format > metaFormat {
			return fmt.Errorf("its pages have format %d, and this program knows %d: %w", format, metaFormat, store.ErrNewer)
		}
		return errors.New("its header has another checksum than was written")
	}
	return errors.New("it does not begin as a store does, so it is another file, or its beginning is lost")
}

// newestHeader finds the header that counts. The second lies after one page, of a size
// that only a valid header tells.
func newestHeader(file []byte) (newest header, ok bool) {
	take := func(at uint64) (h header, ok bool) {
		if at+pageHeader+metaSize > uint64(len(file)) {
			return h, false
		}
		return parseHeader(file[at+pageHeader:])
	}
	first, ok := take(0)
	if ok {
		newest = first
		if second, valid := take(first.pageSize); valid && second.txn > first.txn {
			newest = second
		}
		return newest, true
	}
	for at := uint64(1024); at <= 1024<<14; at *= 2 {
		if h, ok := take(at); ok && h.pageSize == at {
			return h, true
		}
	}
	return newest, false
}

func parseHeader(b []byte) (h header, ok bool) {
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	h = header{uint64(order.Uint32(b[8:])), order.Uint64(b[16:]), order.Uint64(b[32:]), order.Uint64(b[40:]), order.Uint64(b[48:])}
	ok = order.Uint32(b) == metaMagic && order.Uint32(b[4:]) == metaFormat && order.Uint64(b[56:]) == sum.Sum64() &&
		h.pageSize >= 1024 && h.pageSize <= 1024<<14
	return h, ok
}

// page returns a page with those that belong to it, which are used by that.
func (v *verifier) page(id uint64) ([]byte, error) {
	if id < 2 || id >= v.high {
		return nil, fmt.Errorf("page %d: expected 2 to %d", id, v.high-1)
	}
	b := v.file[id*v.pageSize : v.high*v.pageSize]
	more := uint64(order.Uint32(b[12:]))
	if order.Uint64(b) != id || more >= v.high-id {
		return nil, fmt.Errorf("page %d is another, or has no end", id)
	}
	for i := id; i <= id+more; i++ {
		if v.used[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		v.used[i] = true
	}
	return b[:(more+1)*v.pageSize], nil
}

// tree walks through the pages from one on. Its keys are at least low and less than high;
// nil: whatever.
func (v *verifier) tree(id uint64, low, high []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("its tree has no end")
	}
	b, err := v.page(id)
	if err != nil {
		return err
	}
	switch flags := order.Uint16(b[8:]); flags {
	case leafPage:
		err = v.leaf(b, low, high, depth)
	case branchPage:
		err = v.branch(b, low, high, depth)
	default:
		err = fmt.Errorf("kind %#x", flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (v *verifier) branch(b, low, high []byte, depth int) error {
	n := int(order.Uint16(b[10:]))
	if n == 0 || pageHeader+n*elementSize > len(b) {
		return fmt.Errorf("%d elements", n)
	}
	keys := make([][]byte, n+1)
	keys[n] = high
	for i := range n {
		at := pageHeader + i*elementSize
		var err error
		if keys[i], err = within(b, at, order.Uint32(b[at:]), order.Uint32(b[at+4:])); err != nil {
			return err
		}
		if i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 {
			return errors.New("its keys are not in order")
		}
	}
	if outside(keys[n-1], nil, high) || low != nil && outside(keys[0], low, nil) {
		return errors.New("its keys do not belong there")
	}
	for i := range n {
		at := pageHeader + i*elementSize
		if err := v.tree(order.Uint64(b[at+8:]), keys[i], keys[i+1], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf looks at a page of keys and values, which may be within another.
func (v *verifier) leaf(b, low, high []byte, depth int) error {
	n := int(order.Uint16(b[10:]))
	if pageHeader+n*elementSize > len(b) {
		return fmt.Errorf("%d elements", n)
	}
	var before []byte
	for i := range n {
		at := pageHeader + i*elementSize
		pos, size := order.Uint32(b[at+4:]), order.Uint32(b[at+8:])
		key, err := within(b, at, pos, size)
		if err != nil {
			return err
		}
		value, err := within(b, at+int(size), pos, order.Uint32(b[at+12:]))
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(before, key) >= 0 || outside(key, low, high) {
			return errors.New("its keys are not in order")
		}
		before = key
		switch flags := order.Uint32(b[at:]); flags {
		case 0:
		case 1:
			if err := v.bucket(value, depth); err != nil {
				return fmt.Errorf("bucket %.80q: %w", key, err)
			}
		default:
			return fmt.Errorf("an element of kind %#x", flags)
		}
	}
	return nil
}

// bucket looks at the value of a bucket: a tree of its own, or a page in place of one.
func (v *verifier) bucket(value []byte, depth int) error {
	if len(value) < bucketSize {
		return fmt.Errorf("%d bytes", len(value))
	}
	if root := order.Uint64(value); root != 0 {
		return v.tree(root, nil, nil, depth+1)
	}
	inside := value[bucketSize:]
	if depth > maxDepth || len(inside) < pageHeader || order.Uint16(inside[8:]) != leafPage || order.Uint32(inside[12:]) != 0 {
		return errors.New("no page")
	}
	return v.leaf(inside, nil, nil, depth+1)
}

// free looks at the list of pages that are free, which nothing else may use.
func (v *verifier) free() error {
	if v.freelist == noFreelist {
		return nil
	}
	b, err := v.page(v.freelist)
	if err != nil {
		return fmt.Errorf("free pages: %w", err)
	}
	if flags := order.Uint16(b[8:]); flags != freelistPage {
		return fmt.Errorf("free pages: page %d: kind %#x", v.freelist, flags)
	}
	ids := b[pageHeader:]
	n := uint64(order.Uint16(b[10:]))
	if n == 0xffff { // too many for that: the number comes first
		n = order.Uint64(ids)
		ids = ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return fmt.Errorf("free pages: %d of them", n)
	}
	for i := range n {
		id := order.Uint64(ids[i*8:])
		if id < 2 || id >= v.high || v.used[id] {
			return fmt.Errorf("free pages: page %d is not free", id)
		}
		v.used[id] = true
	}
	return nil
}

// within returns size bytes of a page, pos behind an element at a place.
func within(b []byte, at int, pos, size uint32) ([]byte, error) {
	from, to := uint64(at)+uint64(pos), uint64(at)+uint64(pos)+uint64(size)
	if to > uint64(len(b)) {
		return nil, errors.New("an element that lies outside of it")
	}
	return b[from:to:to], nil
}

// outside reports whether a key is less than low, or not less than high; nil: there is no
// such bound.
func outside(key, low, high []byte) bool {
	return low != nil && bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0
}
