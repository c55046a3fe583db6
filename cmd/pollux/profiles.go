package main

import (
	"net/http"
	"net/http/pprof"
)

// profiles returns the handler of the profiles of the process. Package net/http/pprof also
// puts it into http.DefaultServeMux, which nothing serves. So the library does not import
// that package: a program that contains Pollux may serve that mux.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
