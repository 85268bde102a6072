package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tunnelProcesses returns the processes of OpenVPN and Culvert that run a profile, and
// others that run tunnels, by their command lines. Every user may read those, unless
// /proc is mounted so that they are hidden (hidepid), which is an error.
func tunnelProcesses(file string) (list, others []holder, err error) {
	want, err := os.Stat(file)
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.ReadFile("/proc/1/cmdline"); err != nil {
		return nil, nil, err
	}
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		dir := filepath.Dir(name)
		words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		exe, _ := os.Readlink(dir + "/exe")
		program, files := tunnelOf(words, exe)
		if program == "" {
			continue
		}
		cwd, _ := os.Readlink(dir + "/cwd")
		pid, _ := strconv.Atoi(filepath.Base(dir))
		h := holder{pid: pid, name: program}
		if slices.ContainsFunc(files, func(w string) bool { return sameFile(w, cwd, file, want) }) {
			list = append(list, h)
		} else {
			others = append(others, h)
		}
	}
	return list, others, nil
}

// tunnelOf returns which program runs tunnels with a command line, "" if none does, and
// the words that may name its profile. exe is the program's file, if it is known.
func tunnelOf(words []string, exe string) (program string, files []string) {
	if len(words) < 2 {
		return "", nil
	}
	switch {
	case filepath.Base(words[0]) == "openvpn" || filepath.Base(exe) == "openvpn":
		program = "openvpn"
	case filepath.Base(words[0]) != "culvert" && strings.TrimSuffix(filepath.Base(exe), " (deleted)") != "culvert":
		return "", nil
	case words[1] == "connect" || strings.HasPrefix(words[1], "-") || len(words) == 2:
		program = "culvert"
	default:
		return "", nil // such as doctor, which runs no tunnel
	}
	for _, w := range words[1:] {
		if _, value, ok := strings.Cut(w, "="); ok && strings.HasPrefix(w, "-") {
			w = value
		}
		files = append(files, w)
	}
	return program, files
}

// sameFile reports whether a word of a process that works in cwd names a file. Where the
// process's directory is hidden or another than it began in, the last part of a relative
// name decides: rather a connection too few than a tunnel kicked out.
func sameFile(word, cwd, file string, want os.FileInfo) bool {
	if word == "" {
		return false
	}
	path := word
	if !filepath.IsAbs(word) {
		path = filepath.Join(cwd, word)
	}
	if filepath.IsAbs(path) {
		if is, err := os.Stat(path); err == nil {
			return os.SameFile(is, want)
		}
	}
	return !filepath.IsAbs(word) && filepath.Base(word) == filepath.Base(file)
}
