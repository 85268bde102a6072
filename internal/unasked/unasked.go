// Package unasked has package bubbletea not ask the terminal for its background when a
// program begins: the answer would be taken for what people type, and every command asked,
// not only those that draw. Import it wherever bubbletea is. It is initialized before
// bubbletea, since of packages that are ready the first by import path is (language
// specification, "Program initialization"), and it needs nothing but lipgloss.
package unasked

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
