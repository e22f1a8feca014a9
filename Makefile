# SPDX-License-Identifier: GPL-2.0
# Kernel modules against $(KDIR), the library, and the lab (qemu/lab does its own set-up and needs root).

KDIR ?= /lib/modules/$(shell uname -r)/build
LAB := qemu/lab
DEBS ?= $(CURDIR)/debs

PREFIX ?= /usr/local
INSTALL ?= install

# What drivers of others are built with.
KITDIR ?= $(PREFIX)/src/hmm_p2p

# Every option of Kconfig, as a kernel build that has them all would set it. The ones that need KUnit are for kernels
# that have it.
CONFIGS := $(shell awk '/^(menu)?config HMM_P2P/ { name = $$2 } \
	name && /^\t(bool|tristate)/ { print "CONFIG_" name "=" ($$1 == "bool" ? "y" : "m"); name = "" }' Kconfig)
KBUILD := $(MAKE) -C $(KDIR) M=$(CURDIR)/hmm_p2p $(filter-out %KUNIT_TEST=m,$(CONFIGS))

help:
	@echo 'make run              show the three outcomes in a guest (root)'
	@echo 'make check            all tests (root)'
	@echo 'make bench            the measurements (root)'
	@echo 'make soak             programs that nobody wrote for us, while all of their memory moves (root)'
	@echo 'make lint             checkpatch, sparse, kernel-doc, W=1, shellcheck (root)'
	@echo 'make modules          kernel modules against KDIR=$(KDIR)'
	@echo 'make modules_install  install them'
	@echo 'make lib              the library and the tool hmmp2p'
	@echo 'make install          install these (DESTDIR, PREFIX), and what a driver is built with, in KITDIR=$(KITDIR)'
	@echo 'make deb              Debian packages, in DEBS=$(DEBS); qemu/lab deb builds them in a Debian tree of its own (root)'
	@echo 'make clean            remove what was built here and in the lab'

run check bench soak lint:
	$(LAB) $@

modules modules_install:
	$(KBUILD) $@

# for a kernel's configuration
config:
	@printf '%s\n' $(CONFIGS)

lib:
	$(MAKE) -C lib

install: install-kit
	$(MAKE) -C lib install

# The symbols are those of the kernel that "make modules" was for.
install-kit:
	$(INSTALL) -d $(DESTDIR)$(KITDIR)/include/linux $(DESTDIR)$(KITDIR)/include/uapi/linux
	$(INSTALL) -m 644 include/linux/*.h $(DESTDIR)$(KITDIR)/include/linux
	$(INSTALL) -m 644 include/uapi/linux/*.h $(DESTDIR)$(KITDIR)/include/uapi/linux
	@if [ -e hmm_p2p/Module.symvers ]; then \
		$(INSTALL) -m 644 hmm_p2p/Module.symvers $(DESTDIR)$(KITDIR); \
	else \
		echo "without Module.symvers: 'make modules' first, for drivers that are built with $(KITDIR)"; \
	fi

deb:
	qemu/build/deb $(CURDIR) $(DEBS)

clean:
	[ ! -d "$(KDIR)" ] || $(KBUILD) clean
	rm -rf debs
	$(MAKE) -C lib clean
	[ "$$(id -u)" != 0 ] || $(LAB) clean

.PHONY: help run check bench soak lint modules modules_install config lib install install-kit deb clean
