//go:build !linux

package link

import "syscall"

// reading reads a stream's socket as package net does.
type reading struct{}

func (*reading) init(syscall.RawConn) {}

func (*reading) took(int) {}

func (t *TCP) read(b []byte) (int, error) { return t.conn.Read(b) }
