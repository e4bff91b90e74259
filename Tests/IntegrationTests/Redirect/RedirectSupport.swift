import Glibc
import TestSupport

/// A listening socket of the test, as the target.
func listening(backlog: Int32 = 64) throws -> TestSocket {
    let target = try TestSocket.bound()
    try target.listen(backlog: backlog)
    return target
}

/// A service `r` that is redirected to `target`.
func redirectTable(_ target: TestSocket, _ more: String = "") throws -> String {
    "services: {r: {listen: '127.0.0.1:0', redirect: '127.0.0.1:\(try target.localPort)', per_source: unlimited\(more)}}"
}

extension TestSocket {
    /// A read fails with this error, and does not find an end.
    func readFails(with number: Int32) -> Bool {
        guard isReadable(within: 20) else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == -1 && errno == number
    }

    /// Sends text with a descriptor.
    func pass(descriptor passed: Int32, with text: String) throws {
        var bytes = Array(text.utf8)
        var control = [UInt8](repeating: 0, count: 24)
        control.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: 20, as: Int.self)
            buffer.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            buffer.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
            buffer.storeBytes(of: passed, toByteOffset: 16, as: Int32.self)
        }
        try bytes.withUnsafeMutableBytes { data in
            try control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
                try withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    try check("sendmsg") { sendmsg(descriptor, &message, 0) }
                }
            }
        }
    }
}

extension RunningSupervisor {
    /// RssAnon in KiB.
    func memory() throws -> Int {
        guard let text = view.status("RssAnon"), let number = Int(text.split(separator: " ").first ?? "") else {
            throw TestFailure("no RssAnon")
        }
        return number
    }
}
