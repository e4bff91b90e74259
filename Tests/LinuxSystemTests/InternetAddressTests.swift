import LinuxSystem
import Testing

@Suite struct InternetAddressTests {
    @Test(
        "an IPv4 address is written as it is read",
        arguments: ["0.0.0.0", "255.255.255.255", "127.0.0.1", "10.100.9.19", "1.20.99.200", "192.0.2.110"])
    func dottedQuad(_ text: String) throws {
        let address = try #require(IPv4Address(text))
        #expect(address.description == text)
    }
}
