package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"

	"github.com/labstack/echo/v4"
)

// asset is a file of the dashboard or the browser client.
type asset struct {
	content     []byte
	packed      []byte // compressed; nil if compression is off or saves too little
	contentType string
	tag         string
}

// loadAssets returns each file by the path of its route. pack adds the compressed
// form.
func loadAssets(files fs.FS, pack bool) (map[string]asset, error) {
	assets := make(map[string]asset)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		contentType, ok := contentTypes[path.Ext(name)]
		if !ok {
			return fmt.Errorf("handlers: asset %s has no known content type", name)
		}
		digest := sha256.Sum256(content)
		where := "/" + name
		if name == "index.html" {
			where = "/"
		}
		one := asset{content: content, contentType: contentType, tag: `"` + hex.EncodeToString(digest[:8]) + `"`}
		if pack && len(content) >= minPacked {
			one.packed = compress(content, len(content))
		}
		assets[where] = one
		return nil
	})
	return assets, err
}

// contentTypes replaces the tables of the system, which differ between machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
}

func (a asset) serve(c echo.Context) error {
	protect(c.Response().Header())
	if a.packed == nil {
		return answerTagged(c, a.contentType, a.tag, "", a.content)
	}
	c.Response().Header().Add("Vary", "Accept-Encoding")
	if !acceptsGzip(c.Request().Header) {
		return answerTagged(c, a.contentType, a.tag, "", a.content)
	}
	return answerTagged(c, a.contentType, weak(a.tag), "gzip", a.packed)
}
