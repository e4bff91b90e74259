/// A value that its copies have in common until one of them is changed: however many there are, it is in memory once.
@propertyWrapper
package struct Shared<Value> {
    /// One element: an array's storage is what its copies share.
    @usableFromInline var content: [Value]

    @inlinable
    package init(wrappedValue: Value) {
        content = [wrappedValue]
    }

    @inlinable
    package init(_ value: Value) {
        self.init(wrappedValue: value)
    }

    @inlinable
    package var wrappedValue: Value {
        _read { yield content[0] }
        _modify { yield &content[0] }
    }
}

extension Shared: Equatable where Value: Equatable {}
extension Shared: Hashable where Value: Hashable {}
extension Shared: Sendable where Value: Sendable {}

extension Shared: Coded where Value: Coded {
    init() { self.init(Value()) }
    mutating func code(with coder: inout FieldCoder) { coder.value(&wrappedValue) }
}
