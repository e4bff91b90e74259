import Glibc

// baton-fuzz TARGET [libFuzzer's options, a directory for the corpus, directories of seeds, or inputs to run once]

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

private let names = FuzzTarget.all.map { $0.name }.joined(separator: "\n")
guard CommandLine.arguments.count > 1 else {
    print(names)
    exit(0)
}
guard let chosen = FuzzTarget.named(CommandLine.arguments[1]) else {
    print("baton-fuzz: no target \(CommandLine.arguments[1]); there are\n\(names)")
    exit(64)
}
private let target = chosen

/// libFuzzer reads the words of a language from a file, which has to have some. It is gone with the process.
private let words = tmpfile()
for word in target.words + ["\0"] {
    let escaped = word.utf8.map { byte in
        let digits = String(byte, radix: 16)
        return "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
    }
    fputs("\"\(escaped.joined())\"\n", words)
}
fflush(words)
private let dictionary = "/proc/self/fd/\(fileno(words))"

private var arguments: [UnsafeMutablePointer<CChar>?] =
    ([CommandLine.arguments[0], "-max_len=\(target.longest)", "-dict=\(dictionary)"]
    + CommandLine.arguments.dropFirst(2))
    .map { strdup($0) } + [nil]
private var count = Int32(arguments.count - 1)
exit(
    arguments.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress
        return runDriver(&count, &start) { bytes, count in
            do {
                try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
            } catch {
                fatalError("\(error)")
            }
            return 0
        }
    })
