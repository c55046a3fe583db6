package main

import (
	"encoding/json"
	"testing"
)

func TestPrices(t *testing.T) {
	value, err := prices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(value); err != nil || string(text) < `{"ACME":100` {
		t.Errorf("%s, %v", text, err)
	}
}
