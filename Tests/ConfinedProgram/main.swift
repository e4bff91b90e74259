// Confines itself and becomes another program, which tells what it can do then:
//
//     baton-confined MEASURE[,MEASURE…]|all|resume UID:GID[,GROUP…]|- PROGRAM [ARGUMENT…]
//
// What is missing goes to standard error. With `-` for a program it writes a byte, and
// stays until its input ends.

internal import Glibc
internal import LinuxSystem

func identity(_ text: String) -> SpawnPlan.Identity? {
    let numbers = text.split { $0 == ":" || $0 == "," }.compactMap { UInt32($0) }
    guard numbers.count >= 2 else { return nil }
    return SpawnPlan.Identity(uid: numbers[0], gid: numbers[1], groups: Array(numbers[2...]))
}

func say(_ text: String) {
    let line = text + "\n"
    _ = write(2, line, line.utf8.count)
}

func stay() -> Never {
    var byte: UInt8 = 0
    _ = write(1, &byte, 1)
    while read(0, &byte, 1) > 0 {}
    exit(0)
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 3 else { exit(64) }
if arguments[0] == "resume" {
    Confinement.resume()
} else {
    let names = arguments[0].split(separator: ",")
    let measures = Confinement.Measure.allCases.filter { arguments[0] == "all" || names.contains("\($0)") }
    do {
        say("\(try Confinement.enter(identity(arguments[1]), Set(measures)))")
    } catch {
        say("identity: \(error)")
        exit(1)
    }
}
CurrentProcess.letCodeGo()
// What a loop that is confined finds out of itself.
guard CurrentProcess.program != nil, CurrentProcess.openFiles != nil else { exit(2) }
if arguments[2] == "-" { stay() }
let error = CurrentProcess.become(arguments[2], arguments: Array(arguments[2...]))
say("\(arguments[2]): \(error)")
exit(1)
