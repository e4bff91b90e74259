/// A parser that is given anything at all, and what must hold whatever that is.
struct FuzzTarget: Sendable {
    /// Also that of the directory of its seeds.
    let name: String
    /// The longest input, in bytes: what is longer takes time and shows nothing new.
    let longest: Int
    /// Words of the language that is parsed.
    let words: [String]
    let check: @Sendable ([UInt8]) throws(Finding) -> Void

    init(
        _ name: String, longest: Int = 4096, words: [String] = [],
        check: @escaping @Sendable ([UInt8]) throws(Finding) -> Void
    ) {
        self.name = name
        self.longest = longest
        self.words = words
        self.check = check
    }

    static let all = [
        table, loadedTable, inetd, xinetd, systemd, hosts, handoff, framer, proxy, tls, http, courier, tcpmux,
        metrics, control, replies, notify, names, state, launch, monitor, roster,
    ]

    static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Something that had to hold, and did not.
struct Finding: Error, CustomStringConvertible {
    var description: String
}

func hold(_ condition: Bool, _ words: @autoclosure () -> String) throws(Finding) {
    if !condition { throw Finding(description: words()) }
}

extension [UInt8] {
    /// Pieces between lines that are `%%`.
    var parts: [[UInt8]] {
        var parts: [[UInt8]] = [[]]
        for line in split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.elementsEqual("%%".utf8) {
                parts.append([])
            } else {
                parts[parts.count - 1] += line + [UInt8(ascii: "\n")]
            }
        }
        // The last line had no end of its own, if it is not one that divides.
        _ = parts[parts.count - 1].popLast()
        return parts
    }

    func contains(_ text: String) -> Bool {
        String(decoding: self, as: UTF8.self).contains(text)
    }
}
