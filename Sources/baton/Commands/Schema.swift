internal import ArgumentParser

struct Schema: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of the service table, for editors.",
        discussion: """
            Editors that know YAML complete, explain and check a table by it. The language server of Red Hat takes it \
            from the first line of the table:

              # yaml-language-server: $schema=/usr/local/share/baton/baton.schema.json

            What a schema cannot say, such as whether a user exists, `baton check` does.
            """)

    func execute() throws(Failure) {
        print(TableSchema.json.indented)
    }
}
