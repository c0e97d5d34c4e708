# Fetches MySQL with all it needs into the folder `root` here: no release of Debian has it, its unstable branch does.
# Nothing of it is installed: the system's own lists and packages are neither read nor changed.
set -eu
mkdir -p lists archives/partial root
: > status
mirror=http://deb.debian.org/debian
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > sources.list
set -- -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/lists" \
    -o Dir::State::status="$PWD/status" -o Dir::Cache::Archives="$PWD/archives" -o Dir::Cache::pkgcache= \
    -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Debug::NoLocking=1 --quiet=2
apt-get "$@" update
apt-get "$@" --yes --no-install-recommends --download-only install mysql-server-core
for package in archives/*.deb; do dpkg-deb --extract "$package" root; done
rm -rf lists archives status sources.list
