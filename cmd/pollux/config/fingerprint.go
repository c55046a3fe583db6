package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"reflect"
	"slices"
)

// fingerprint returns a hash of a Stream, or of a field of a Config. It walks over all
// fields, so a new one is part of the hash.
func fingerprint(structure any) string {
	h := sha256.New()
	writeValue(h, reflect.ValueOf(structure))
	return hex.EncodeToString(h.Sum(nil))
}

// writeValue writes v with its kind and length first, so that different values never
// give the same bytes.
func writeValue(h hash.Hash, v reflect.Value) {
	switch known := v.Interface().(type) {
	case Secret:
		// Another file is another secret, also while both have the same: it is read again.
		fmt.Fprintf(h, "secret %v %q %q\n", known.IsSet(), known.Reveal(), known.File())
		return
	case netip.Prefix:
		fmt.Fprintf(h, "prefix %v\n", known)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fmt.Fprintf(h, "field %q\n", v.Type().Field(i).Name)
			writeValue(h, v.Field(i))
		}
	case reflect.Pointer:
		fmt.Fprintf(h, "pointer %v\n", !v.IsNil())
		if !v.IsNil() {
			writeValue(h, v.Elem())
		}
	case reflect.Slice:
		fmt.Fprintf(h, "list %v %d\n", !v.IsNil(), v.Len())
		for i := range v.Len() {
			writeValue(h, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		fmt.Fprintf(h, "map %d\n", len(keys))
		for _, key := range keys {
			fmt.Fprintf(h, "key %q\n", key.String())
			writeValue(h, v.MapIndex(key))
		}
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		fmt.Fprintf(h, "%s %q\n", v.Kind(), fmt.Sprint(v.Interface()))
	default: // a test fingerprints every field
		panic("config: no fingerprint of a " + v.Type().String())
	}
}
