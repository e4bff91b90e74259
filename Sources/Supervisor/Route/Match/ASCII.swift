// Names of the network are bytes: only A to Z and a to z are the same, and nothing else that people may take for the
// same (RFC 4343; RFC 9110, section 5.1).

extension UInt8 {
    /// In lower case, if it is a capital letter of ASCII.
    var lowercasedASCII: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}

extension Sequence<UInt8> {
    var lowercasedASCII: [UInt8] { map(\.lowercasedASCII) }

    func equalsIgnoringCase(_ other: some Sequence<UInt8>) -> Bool {
        elementsEqual(other) { $0.lowercasedASCII == $1.lowercasedASCII }
    }
}
