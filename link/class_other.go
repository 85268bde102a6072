//go:build !linux

package link

func (q *queue) setClass(class uint8) { q.class = class }
