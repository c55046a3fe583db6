package delta

// size returns the size of an operation at d.path, with its comma, in bytes.
func (d *differ) size(name string, value []byte) int {
	size := len(`{"op":"","path":""},`) + len(name) + len(d.path)
	if value != nil {
		size += len(`,"value":`) + len(value)
	}
	return size
}

// operation writes an operation at d.path. The value is nil for remove.
func (d *differ) operation(name string, value []byte, limit int) bool {
	if size := d.size(name, value); len(d.ops)+size > limit || !d.work.spend(1+size/bytesPerStep) {
		return false
	}
	d.ops = append(d.ops, `{"op":"`...)
	d.ops = append(d.ops, name...)
	d.ops = append(d.ops, `","path":"`...)
	d.ops = append(d.ops, d.path...)
	d.ops = append(d.ops, '"')
	if value != nil {
		d.ops = append(d.ops, `,"value":`...)
		d.ops = append(d.ops, value...)
	}
	d.ops = append(d.ops, `},`...)
	return true
}

// removeElement removes the element at index from the array at d.path.
func (d *differ) removeElement(index, limit int) bool {
	at := d.path.index(index)
	ok := d.operation("remove", nil, limit)
	d.path = d.path[:at]
	return ok
}

// addElement inserts a value at index into the array at d.path.
func (d *differ) addElement(index int, value []byte, limit int) bool {
	at := d.path.index(index)
	ok := d.operation("add", value, limit)
	d.path = d.path[:at]
	return ok
}

// moveElement removes the element at index from of the array at d.path, and then
// inserts it at index to (RFC 6902 section 4.4).
func (d *differ) moveElement(from, to, limit int) bool {
	mark := len(d.ops)
	at := d.path.index(from)
	d.ops = append(d.ops, `{"op":"move","from":"`...)
	d.ops = append(d.ops, d.path...)
	d.path = d.path[:at]
	d.path.index(to)
	d.ops = append(d.ops, `","path":"`...)
	d.ops = append(d.ops, d.path...)
	d.ops = append(d.ops, `"},`...)
	d.path = d.path[:at]
	return len(d.ops) <= limit && d.work.spend(1+(len(d.ops)-mark)/bytesPerStep)
}
