# SPDX-License-Identifier: Apache-2.0
# A tarball of what is here, for build systems that make none by themselves.
PACKAGE = ndrv-driver-$(NAME)
TARBALL = packages/$(PACKAGE)-$(VERSION).tar.xz

# The date of the last change, so that the same sources make the same bytes. An older tar in another place does not matter.
dist:
	mkdir -p packages
	tar -cJf $(TARBALL) --transform='s,^\.,$(PACKAGE)-$(VERSION),' --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
		--mtime="$$(sed -n 's/^ -- .*  //p' debian/changelog | head -n 1)" \
		--exclude=./packages --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude=./tests/test_driver .

.PHONY: dist
