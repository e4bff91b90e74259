internal import CLinux
internal import Glibc
package import SystemPackage

/// This process becomes another program, and the way back.
package enum ProgramChange {
    /// The program that runs here now, whatever has become of its file: to go back to it. Close-on-exec.
    package static func currentProgram() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try SystemCall.value { baton_current_program() })
    }

    /// Where the program on disk is that this one was started from; another file may stand there by now.
    package static var path: String? {
        guard let path = CurrentProcess.program else { return nil }
        // What proc(5) says of a file that was replaced.
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }

    /// Lets `descriptors` stay open in the program that this process becomes, or not.
    package static func keepOpen(_ descriptors: [Int32], _ kept: Bool) throws(Errno) {
        for number in descriptors { try SystemCall.value { baton_set_close_on_exec(number, kept ? 0 : 1) } }
    }

    /// Becomes the program at `path`, environment and open descriptors kept (execv(3)).
    ///
    /// - Parameter arguments: argv[0] first.
    /// - Returns: Why it did not; on success there is nobody to return to.
    package static func become(_ path: String, arguments: [String]) -> Errno {
        CurrentProcess.become(path, arguments: arguments)
    }

    /// The same with an opened program (execveat(2)).
    package static func become(_ program: FileDescriptor, arguments: [String]) -> Errno {
        unsafe withVector(arguments) { vector in
            unsafe baton_become(program.rawValue, vector)
            return Errno(rawValue: errno)
        }
    }

    /// Until `stay`, a crash of this program, or a hang of so many seconds, makes the process `program` again with
    /// `descriptors` open: nothing but that has happened to them.
    package static func goBackOnCrash(
        to program: FileDescriptor, arguments: [String], keeping descriptors: [Int32], within seconds: UInt32
    ) throws(Errno) {
        let result = unsafe withVector(arguments) { vector in
            unsafe baton_go_back_on_crash(program.rawValue, vector, descriptors, descriptors.count, seconds)
        }
        if result != 0 { throw Errno(rawValue: errno) }
    }

    /// This program stays: a crash is a crash again.
    package static func stay() {
        baton_stay()
    }

    /// The name that ps(1) shows; one that was entered by its descriptor is called by its number.
    package static func setName(_ name: String) {
        unsafe baton_name_process(name)
    }

    private static func withVector<Result>(
        _ arguments: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe copies.forEach { unsafe free($0) } }
        return unsafe body(copies)
    }
}
