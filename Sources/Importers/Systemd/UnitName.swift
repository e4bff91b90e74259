/// `prefix@instance.type`.
struct UnitName: Hashable, Sendable {
    var prefix: String
    /// Nil without an @; empty for a template.
    var instance: String?
    /// With its dot: `.socket`.
    var suffix: String

    init?(_ name: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, !name.contains("/"),
            name.utf8.count <= 255
        else { return nil }
        suffix = String(name[dot...])
        let stem = name[..<dot]
        if let at = stem.firstIndex(of: "@") {
            prefix = String(stem[..<at])
            instance = String(stem[stem.index(after: at)...])
        } else {
            prefix = String(stem)
        }
        if prefix.isEmpty { return nil }
    }

    /// Without the suffix.
    var stem: String { prefix + (instance.map { "@" + $0 } ?? "") }
    var whole: String { stem + suffix }
    var isTemplate: Bool { instance == "" }

    /// `x@.service` of `x@i.service`; nil when it is no instance.
    var template: UnitName? {
        guard let instance, !instance.isEmpty else { return nil }
        return with(instance: "")
    }

    func with(instance: String?) -> UnitName {
        var name = self
        name.instance = instance
        return name
    }

    func with(suffix: String) -> UnitName {
        var name = self
        name.suffix = suffix
        return name
    }

    /// What systemd-escape(1) undoes: `-` is a slash, `\x2d` a byte.
    static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.dropFirst().prefix(2)
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"), digits.count == 2,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte == UInt8(ascii: "-") ? UInt8(ascii: "/") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
