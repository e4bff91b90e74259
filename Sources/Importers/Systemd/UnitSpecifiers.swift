internal import LinuxSystem

/// `%i` and its kin (systemd.unit(5), Specifiers), for units of the system manager.
struct UnitSpecifiers: Sendable {
    var unit: UnitName
    /// An instance for each connection: its name is made when the connection comes.
    var isPerConnection = false
    /// False: nothing is looked up on this machine.
    var resolving = true

    private static let known: Set<Character> = Set("aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyY")

    /// Text with its specifiers resolved, and what is to be said of them.
    struct Result {
        var text = ""
        var fidelity = Fidelity.exact
    }

    func resolve(_ text: String) -> Result {
        var result = Result()
        var rest = text[...]
        while let character = rest.popFirst() {
            guard character == "%", let letter = rest.first else {
                result.text.append(character)
                continue
            }
            rest.removeFirst()
            if letter == "%" {
                result.text.append("%")
            } else if !Self.known.contains(letter) {
                // As systemd leaves it.
                result.text += "%\(letter)"
            } else if let value = fixed(letter) {
                result.text += value
            } else if "iIf".contains(letter), isPerConnection {
                // The name of the instance holds both addresses; there is nothing like it.
                result.fidelity = result.fidelity.and(
                    .notExpressible(
                        "%\(letter) names the connection; the handler finds it in BATON_CONNECTION, REMOTE_ADDR and "
                            + "REMOTE_PORT"))
            } else if let value = resolving ? ofMachine(letter) : nil {
                result.text += value
                result.fidelity = result.fidelity.and(
                    .approximated("%\(letter) is what it was on this machine at the time of the import"))
            } else {
                result.text += "%\(letter)"
                result.fidelity = result.fidelity.and(.notExpressible("%\(letter) has no value here; write it in"))
            }
        }
        return result
    }

    /// What does not depend on the machine.
    private func fixed(_ letter: Character) -> String? {
        let last = unit.prefix.split(separator: "-", omittingEmptySubsequences: false).last.map { String($0) } ?? ""
        switch letter {
        case "i" where !isPerConnection: return unit.instance ?? ""
        case "I" where !isPerConnection: return UnitName.unescaped(unit.instance ?? "")
        case "f" where !isPerConnection: return "/" + UnitName.unescaped(unit.instance ?? unit.prefix)
        case "n": return unit.whole
        case "N": return unit.stem
        case "p": return unit.prefix
        case "P": return UnitName.unescaped(unit.prefix)
        case "j": return last
        case "J": return UnitName.unescaped(last)
        case "t": return "/run"
        case "S": return "/var/lib"
        case "C": return "/var/cache"
        case "L": return "/var/log"
        case "E": return "/etc"
        case "D": return "/usr/local/share"
        case "T": return "/tmp"
        case "V": return "/var/tmp"
        case "h": return "/root"
        case "u", "g": return "root"
        case "U", "G": return "0"
        case "s": return "/bin/sh"
        default: return nil
        }
    }

    private func ofMachine(_ letter: Character) -> String? {
        switch letter {
        case "H": Self.line("/proc/sys/kernel/hostname")
        case "l", "q":
            Self.line("/proc/sys/kernel/hostname").map { name in String(name.prefix { $0 != "." }) }
        case "m": Self.line("/etc/machine-id")
        case "b": Self.line("/proc/sys/kernel/random/boot_id").map { $0.filter { $0 != "-" } }
        case "v": Self.line("/proc/sys/kernel/osrelease")
        case "o": release("ID")
        case "w": release("VERSION_ID")
        case "W": release("VARIANT_ID")
        case "B": release("BUILD_ID")
        case "A": release("IMAGE_VERSION")
        case "M": release("IMAGE_ID")
        default: nil
        }
    }

    private static func contents(_ path: String) -> String? {
        (try? FileContents(path: path, most: 1 << 16)).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    private static func line(_ path: String) -> String? {
        contents(path)?.split(separator: "\n").first.map { String($0) }
    }

    /// A value of os-release(5); an absent one is empty.
    private func release(_ key: String) -> String? {
        guard let text = Self.contents("/etc/os-release") else { return nil }
        let line = text.split(separator: "\n").last { $0.hasPrefix(key + "=") }
        return line.map { $0.dropFirst(key.count + 1).filter { $0 != "\"" && $0 != "'" } } ?? ""
    }
}
