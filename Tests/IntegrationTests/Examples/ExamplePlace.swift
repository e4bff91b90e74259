import Foundation
import TestSupport

/// The files that scripts/run-example puts in place, in a directory of the test's own, and the table of
/// examples/baton.yaml moved there, with free ports.
struct ExamplePlace {
    let directory: TemporaryDirectory
    let table: String

    init() throws {
        directory = try TemporaryDirectory()
        let place = directory.path("example")
        let setUp = """
            set -e
            mkdir -p \(place)/bin \(place)/tftp \(place)/www
            cp -rL examples/legacy-handlers examples/persistent-handlers \(place)/
            cp \(try ExampleHandler.c.command[0]) \(place)/bin/c-handler
            cp \(try ExampleHandler.swift.command[0]) \(place)/bin/swift-handler
            git init --quiet --initial-branch=main \(place)/work
            git -C \(place)/work -c user.name=t -c user.email=t@t commit --quiet --allow-empty -m first
            git clone --quiet --bare \(place)/work \(place)/git/hello.git
            printf 'read by tftp\\n' >\(place)/tftp/hello
            head -c 1500000 /dev/urandom >\(place)/tftp/large
            echo served >\(place)/www/index.html
            head -c 3000000 /dev/urandom >\(place)/www/large
            """
        let output = try runProgram(
            "/bin/sh", ["-c", setUp], directory: Repository.root, deadline: Deadline(seconds: 60))
        guard output.status == .exited(0) else { throw TestFailure(output.standardError) }
        table = try Self.moved(Repository.path("examples/baton.yaml"), to: place)
    }

    /// A table's text with its directory replaced and each internet port 0: the test asks for the real ones.
    static func moved(_ file: String, to place: String) throws -> String {
        try String(contentsOfFile: file, encoding: .utf8)
            .replacing("/tmp/baton-example", with: place)
            .replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:0")
            .replacing(/runtime_directory: .*/, with: "")
    }
}
