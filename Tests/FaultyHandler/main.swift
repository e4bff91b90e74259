// A handler for tests that does one thing wrong: baton-faulty-handler FAULT.

import Glibc

guard CommandLine.arguments.count == 2, let fault = Fault(rawValue: CommandLine.arguments[1]) else {
    print("usage: baton-faulty-handler FAULT")
    exit(64)
}
do {
    exit(try FaultyHandler(fault).run())
} catch {
    print("\(error)")
    exit(1)
}
