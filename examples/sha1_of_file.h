/*
 * sha1_of_file: a job for a worker thread, which reads a whole file and gives its SHA-1 (FIPS
 * 180-4) in hexadecimal. Written out, so that the example needs no other library.
 */
#ifndef SHA1_OF_FILE_H
#define SHA1_OF_FILE_H

#include <torc.h>

#include <errno.h>
#include <stdio.h>

static uint32_t sha1_rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static void sha1_block(uint32_t state[5], const unsigned char block[64])
{
    static const uint32_t constants[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    uint32_t words[80];

    for (unsigned i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16
            | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        words[i] = sha1_rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t choice = (b & c) | (~b & d);
        uint32_t parity = b ^ c ^ d;
        uint32_t majority = (b & c) | (b & d) | (c & d);
        uint32_t mixed = i < 20 ? choice : i >= 40 && i < 60 ? majority : parity;
        uint32_t next = sha1_rotate(a, 5) + mixed + e + constants[i / 20] + words[i];

        e = d;
        d = c;
        c = sha1_rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* The last blocks: what is left of the file, a bit, zeros, and the length in bits. */
static void sha1_end(uint32_t state[5], unsigned char block[64], size_t left, uint64_t length)
{
    block[left++] = 0x80;
    if (left > 56) {
        if (left < 64)
            memset(block + left, 0, 64 - left);
        sha1_block(state, block);
        left = 0;
    }
    memset(block + left, 0, 56 - left);
    for (unsigned i = 0; i < 8; i++)
        block[56 + i] = (unsigned char)(length * 8 >> (56 - 8 * i));
    sha1_block(state, block);
}

/* A torc_job: `path` is a C string. */
static torc_result sha1_of_file(void *path)
{
    uint32_t state[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    FILE *file = fopen(path, "rb");
    unsigned char block[64];
    uint64_t length = 0;
    size_t got;
    bool broken;

    if (file == NULL)
        return torc_fail(torc_failure_from_errno(errno, "cannot open %s", (const char *)path));
    while ((got = fread(block, 1, sizeof block, file)) == sizeof block) {
        sha1_block(state, block);
        length += got;
    }
    broken = ferror(file) != 0;
    fclose(file);
    if (broken)
        return torc_fail_with(&torc_error_system, "cannot read %s", (const char *)path);
    sha1_end(state, block, got, length + got);
    return torc_text("%08x%08x%08x%08x%08x", state[0], state[1], state[2], state[3], state[4]);
}

#endif /* SHA1_OF_FILE_H */
