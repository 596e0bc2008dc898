/// Values by domain name, for the few names of one message: to compare them costs less than to hash
/// one.
struct NameTable<Value> {
  private var entries: [(name: DomainName, value: Value)] = []

  /// The value of a name; nil when there is none.
  subscript(name: DomainName) -> Value? {
    get { place(of: name).map { entries[$0].value } }
    set {
      switch (place(of: name), newValue) {
      case (let place?, let value?): entries[place].value = value
      case (let place?, nil): entries.remove(at: place)
      case (nil, let value?):
        if entries.isEmpty { entries.reserveCapacity(6) }
        entries.append((name, value))
      case (nil, nil): break
      }
    }
  }

  private func place(of name: DomainName) -> Int? {
    entries.indices.first { entries[$0].name == name }
  }
}
