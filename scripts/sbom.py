#!/usr/bin/python3
"""What the released programs are made of, as a bill of materials in CycloneDX JSON.

scripts/sbom.py VERSION RELEASE_DIRECTORY: reads what the linker was given and what the programs load; asks no network.
SOURCE_DATE_EPOCH, else the last commit, gives the time, so that the same programs have the same bill.
"""
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("baton", "batond")
SWIFT_LICENSE = "Apache-2.0 WITH Swift-exception"
GCC_LICENSE = "GPL-3.0-or-later WITH GCC-exception-3.1"
SHARED_LICENSES = {"libc6": "LGPL-2.1-or-later", "libgcc-s1": GCC_LICENSE, "libstdc++6": GCC_LICENSE}


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def component(name, version, license_expression, purl=None, **more):
    found = {"type": "library", "name": name, "version": version, "bom-ref": purl or f"{name}@{version}",
             "licenses": [{"expression": license_expression}], **more}
    if purl:
        found["purl"] = purl
    return found


def linked_modules(release):
    """The Swift and C modules that went into the programs."""
    lists = [(release / f"{program}.product/Objects.LinkFileList").read_text() for program in PROGRAMS]
    return set(re.findall(r"/(\w+)\.build/", "".join(lists)))


def swift_packages(release):
    checkouts = release.resolve().parent.parent / "checkouts"
    modules = linked_modules(release)
    for pin in json.loads((ROOT / "Package.resolved").read_text())["pins"]:
        sources = checkouts / pin["identity"] / "Sources"
        if not modules.intersection(path.name for path in sources.iterdir()):
            continue
        place = pin["location"].removesuffix(".git")
        purl = f"pkg:swift/{place.removeprefix('https://')}@{pin['state']['version']}"
        yield component(pin["identity"], pin["state"]["version"], SWIFT_LICENSE, purl,
                        externalReferences=[{"type": "vcs", "url": place}],
                        properties=[{"name": "revision", "value": pin["state"]["revision"]}])


def owner(file):
    """Debian's package that a file is of; dpkg knows it by the name before or behind the link /lib."""
    real = os.path.realpath(file)
    return output("sh", "-c", f"dpkg -S {real} || dpkg -S {real.removeprefix('/usr')}").split(":")[0]


def debian_component(name, package, license_expression, **more):
    version = output("dpkg-query", "-W", "-f", "${Version}", package)
    return component(name, version, license_expression, f"pkg:deb/debian/{package}@{version}", **more)


def static_libraries(release):
    version = re.search(r"Swift version (\S+)", output("swift", "--version"))[1]
    yield component("swift-runtime", version, SWIFT_LICENSE, f"pkg:swift/github.com/swiftlang/swift@{version}")
    yield debian_component("libyaml", "libyaml-dev", "MIT")
    # Where scripts/link-options has put it.
    archive = release.resolve().parent.parent / "static-libraries/libstdc++.a"
    if archive.exists():
        yield debian_component("libstdc++", owner(archive), GCC_LICENSE)


def shared_libraries(release):
    """What the loader finds on the machine that runs them: the versions are those of this one."""
    loaded = "".join(output("ldd", str(release / program)) for program in PROGRAMS)
    for package in sorted({owner(path) for path in re.findall(r"(/\S+) \(0x", loaded)}):
        yield debian_component(package, package, SHARED_LICENSES[package],
                               properties=[{"name": "linkage", "value": "dynamic"}])


def main():
    version, release = sys.argv[1], pathlib.Path(sys.argv[2])
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or output("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
    time = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    components = [*swift_packages(release), *static_libraries(release), *shared_libraries(release)]
    itself = {"type": "application", "name": "baton", "version": version, "bom-ref": f"baton@{version}",
              "licenses": [{"expression": "Apache-2.0"}]}
    bill = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": itself},
        "components": components,
        "dependencies": [{"ref": itself["bom-ref"], "dependsOn": [each["bom-ref"] for each in components]}],
    }
    content = json.dumps(bill, sort_keys=True)
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"
    print(json.dumps(bill, indent=2))


main()
